import { Body, Controller, Get, Param, ParseIntPipe, Patch } from '@nestjs/common'
import { UsersService } from './users.service'

@Controller()
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @Get('users/:id')
  user(@Param('id', ParseIntPipe) id: number) {
    return this.users.user(id)
  }

  @Get('posts/:id')
  post(@Param('id', ParseIntPipe) id: number) {
    return this.users.post(id)
  }

  @Patch('users/:id')
  rename(@Param('id', ParseIntPipe) id: number, @Body('name') name: string) {
    return this.users.rename(id, name)
  }
}
